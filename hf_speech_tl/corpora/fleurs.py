"""Which part of FLEURS is a language's: google/fleurs, 102 languages read aloud (Conneau et al. 2022)."""

from __future__ import annotations

from hf_speech_tl.errors import SettingsError
from hf_speech_tl.languages import Language

CONFIGS = (
    "af_za am_et ar_eg as_in ast_es az_az be_by bg_bg bn_in bs_ba ca_es ceb_ph ckb_iq cmn_hans_cn cs_cz cy_gb da_dk "
    "de_de el_gr en_us es_419 et_ee fa_ir ff_sn fi_fi fil_ph fr_fr ga_ie gl_es gu_in ha_ng he_il hi_in hr_hr hu_hu "
    "hy_am id_id ig_ng is_is it_it ja_jp jv_id ka_ge kam_ke kea_cv kk_kz km_kh kn_in ko_kr ky_kg lb_lu lg_ug ln_cd "
    "lo_la lt_lt luo_ke lv_lv mi_nz mk_mk ml_in mn_mn mr_in ms_my mt_mt my_mm nb_no ne_np nl_nl nso_za ny_mw oc_fr "
    "om_et or_in pa_in pl_pl ps_af pt_br ro_ro ru_ru sd_in sk_sk sl_si sn_zw so_so sr_rs sv_se sw_ke ta_in te_in "
    "tg_tj th_th tr_tr uk_ua umb_ao ur_pk uz_uz vi_vn wo_sn xh_za yo_ng yue_hant_hk zu_za"
)
_SPELT = {"zh": "cmn", "no": "nb", "tl": "fil"}  # where FLEURS has another code for the same language


def fleurs_config(language: Language) -> str:
    """The configuration of google/fleurs for a language: zh -> cmn_hans_cn. Raises SettingsError where it has none."""
    first = language.tag.split("-")[0]
    found = next((name for name in CONFIGS.split() if name.split("_")[0] == _SPELT.get(first, first)), None)
    script = found.split("_")[1].title() if found and found.count("_") == 2 else None
    if found is None or (script and language.script in ("Hans", "Hant") and language.script != script):
        written = f" written in {language.script}" if found else ""
        raise SettingsError(
            f"--data fleurs: FLEURS has no {language.name} ({language.tag}){written}. "
            "Name recordings of your own, or another corpus as hub:OWNER/NAME[:CONFIG]."
        )
    return found
